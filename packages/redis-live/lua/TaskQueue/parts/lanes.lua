-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
