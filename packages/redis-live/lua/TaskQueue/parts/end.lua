-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
