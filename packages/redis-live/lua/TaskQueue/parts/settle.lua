-- What became of claims: a letter each, S settled, C cancelled, L lost; no letter at all where all are settled.
-- plainly(from, count): ARGV holds numbers, then fences, of plain tasks that are done
-- settle(from, count): ARGV holds number, fence, kind (D done, R retry, X dead, Y dead with an answer, Z dead and not run
-- again, B handed back), detail (delay in ms, reason), error, answer
local freed, kills = {}, 0
local function plainly(from, count)
  if count == 0 then return '' end
  local held = call('HMGET', base .. claimed, unpack(ARGV, from, from + count - 1))
  local letters, done, isWatched = {}, {}, m.isWatched
  for i = 1, count do
    local value, number = held[i], ARGV[from + i - 1]
    if value and string.sub(value, 2) == ARGV[from + count + i - 1] then
      letters[i], done[#done + 1] = 'S', number
      if string.byte(value) == 99 then letters[i], gone[#gone + 1] = 'C', number
      elseif isWatched then
        if string.byte(value) == 97 then started(number, '') end
        event('C', number, '', ARGV[2])
      end
    else letters[i] = 'L' end
  end
  if #done > 0 then
    many('HDEL', claimed, done)
    many('HDEL', ':tasks', done)
  end
  return #done == count and #gone == 0 and '' or table.concat(letters)
end
local function one(i, held, record, tried)
  local number, kind, detail, error = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if not held or not record or string.sub(held, 2) ~= ARGV[i + 1] then return 'L' end
  freed[#freed + 1] = number
  vacate(number, record)
  if string.byte(held) == 99 then finish(number, record, 'X', '') return 'C' end
  local attempts, crashes = tries(tried)
  if string.byte(held) == 97 and kind ~= 'B' and kind ~= 'Z' then started(number, record, tried) end
  if kind == 'D' then event('C', number, record, ARGV[2]) finish(number, record, 'C', ARGV[i + 5]) return 'S' end
  if m.isWatched and kind ~= 'B' and kind ~= 'Z' then event('F', number, record, int(attempts + 1), word(error)) end
  if kind == 'X' or kind == 'Y' or kind == 'Z' then
    kills = kills + 1
    kill(number, record, detail, error, kind == 'Z' and attempts or attempts + 1, crashes)
    if kind == 'Y' then keep(number, record, 'F', ARGV[i + 5]) else toldTo(number, record) end
    return 'S'
  end
  if kind == 'B' and string.byte(held) == 114 then event('B', number, record) end
  if kind == 'B' then toFront(number, laneOf(record), crashes) return 'S' end
  call('HSET', base .. ':attempts', number, int(attempts + 1) .. ' ' .. int(crashes))
  call('HSET', base .. ':errors', number, '\n' .. error)
  event('R', number, record, int(now + detail))
  if tonumber(detail) > 0 then sleep(number, laneOf(record), now + detail) else toEnd(number, laneOf(record)) end
  return 'S'
end
local function settle(from, count)
  local numbers, letters = {}, {}
  for i = 1, count do numbers[i] = ARGV[from + (i - 1) * 6] end
  if count == 0 then return '' end
  local held = call('HMGET', base .. claimed, unpack(numbers))
  local records = call('HMGET', base .. ':tasks', unpack(numbers))
  local tried = call('HMGET', base .. ':attempts', unpack(numbers))
  for i = 1, count do letters[i] = one(from + (i - 1) * 6, held[i], records[i], tried[i]) end
  many('HDEL', claimed, freed)
  return table.concat(letters)
end
