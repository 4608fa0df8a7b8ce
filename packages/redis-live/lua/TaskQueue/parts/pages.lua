-- Pages of tasks, at most about 128 of them.
-- ready(cursor): numbers and records of those that are ready, and the next cursor, empty at the end
-- after(key, cursor): members of a sorted set behind "<score> <number>[ <highest score>]", their scores, the next cursor
local function ready(cursor)
  local found = call('HSCAN', base .. ':tasks', cursor == '' and '0' or cursor, 'COUNT', 128)
  local numbers, records, sleeping, dead, out = {}, {}, {}, {}, {}
  for i = 1, #found[2], 2 do
    local number, record = found[2][i], found[2][i + 1]
    numbers[#numbers + 1], records[#records + 1] = number, record
    dead[#dead + 1], sleeping[#sleeping + 1] = pad(number), pad(number) .. ' ' .. laneOf(record)
  end
  local done = found[1] == '0' and '' or found[1]
  if #numbers == 0 then return {}, {}, done end
  local taken = { call('ZMSCORE', base .. ':dead', unpack(dead)), call('ZMSCORE', base .. ':delayed', unpack(sleeping)) }
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    taken[#taken + 1] = call('HMGET', base .. ':claimed:' .. claimer, unpack(numbers))
  end
  local kept = {}
  for i = 1, #numbers do
    local isReady = true
    for _, by in ipairs(taken) do isReady = isReady and not by[i] end
    if isReady then out[#out + 1], kept[#kept + 1] = numbers[i], records[i] end
  end
  return out, kept, done
end
local function after(key, cursor)
  local score, number, highest = string.match(cursor, '^(%d+) (%d+) ?(%d*)$')
  score, highest = tonumber(score), tonumber(highest or '') or math.huge
  local from, members, scores = score and call('ZCOUNT', key, '-inf', '(' .. int(score)) or 0, {}, {}
  while true do
    local page = call('ZRANGE', key, int(from), int(from + 127), 'WITHSCORES')
    for i = 1, #page, 2 do
      local its = tonumber(page[i + 1])
      if its > highest then return members, scores, '' end
      if not score or its > score or string.sub(page[i], 1, 16) > pad(number) then
        members[#members + 1], scores[#scores + 1] = page[i], page[i + 1]
        if #members == 128 then
          return members, scores, int(its) .. ' ' .. bare(page[i]) .. (highest < math.huge and ' ' .. int(highest) or '')
        end
      end
    end
    if #page < 256 then return members, scores, '' end
    from = from + 128
  end
end
