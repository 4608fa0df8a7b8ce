#!lua
-- Adds tasks in their order, all in one step.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] life      a name for the queue's data, should it begin
-- ARGV[3] sender    who
-- ARGV[4] sequence  of this batch; the last one again is answered again, and the one it followed; a lower one is refused
-- ARGV[5] after     the batch that it follows, if that one must be there before; else 0
-- ARGV[6] max       tasks that may wait or sleep
-- ARGV[7] lane      of all of them, if they have nothing but a lane; else empty
-- ARGV[8...] entries the record without its head; where lane is empty: lane, that, due (a<ms>, i<ms in> or empty), id, unique key
-- RETURNS {format} of newer data, {"refused"}, {"early"}, {"", life, first number} where all are new and have ids of their own,
-- else {"", life, 0, E<id> D<id> or F, ...}
-- COST O(entries)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HLEN, HEXISTS, RPUSH, ZADD, ZREM, ZCARD, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, held, longer
local sender, sequence, after, room, lane = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if not open(KEYS[1], KEYS[2], sender) then return { m.format } end
if m.isOld then m.memo = nil end
local last, known = string.match(m.memo or '0 0 0', '^(%d+) %d+ ([^\n]*)')
local stride, asked = lane == '' and 5 or 1, known
if sequence < tonumber(last) then asked = string.match(m.memo, '\n' .. ARGV[4] .. ' (.*)$') end
if not asked then return { 'refused' } elseif sequence <= tonumber(last) then
  local again = { '', m.life }
  for word in string.gmatch(asked, '%S+') do again[#again + 1] = word end
  return again
end
if tonumber(last) < after then return { 'early' } end
local life, number, count = m.life or ARGV[2], m.next, (#ARGV - 7) / stride
m.life = life
room = room - call('HLEN', base .. ':tasks')
if room < count then room = room + call('ZCARD', base .. ':dead') + held() end
local head, records, tail, fresh, answers, isSmooth = '1 ' .. int(now), {}, {}, {}, {}, lane ~= '' and room >= count
if isSmooth then
  for i = 8, #ARGV do
    number = number + 1
    local text = int(number)
    tail[#tail + 1], records[#records + 1], records[#records + 2] = text, text, head .. ARGV[i]
  end
  many('RPUSH', ':ready:' .. lane, tail)
  grow(lane, #tail)
  for i = 1, m.isWatched and #tail or 0 do event('E', tail[i], '') end
end
for i = 8, isSmooth and 7 or #ARGV, stride do
  local at, rest, due, id, key = lane, ARGV[i], '', '', ''
  if stride == 5 then at, rest, due, id, key = unpack(ARGV, i, i + 4) end
  local there = id ~= '' and knownId(id, fresh) or key ~= '' and knownKey(key, fresh)
  if there then
    answers[#answers + 1] = 'D' .. there
    keepLonger(there, tonumber(field(rest, 'k') or 0), fresh, records)
  elseif room <= 0 then answers[#answers + 1] = 'F'
  else
    number, room = number + 1, room - 1
    local text = int(number)
    local its = id ~= '' and id or text .. '.' .. life
    answers[#answers + 1], records[#records + 1], records[#records + 2] = 'E' .. its, text, head .. rest
    fresh[text] = #records
    local ms = tonumber(string.sub(due, 2)) or 0
    local wakes = string.sub(due, 1, 1) == 'i' and now + ms or ms
    if wakes > now then sleep(text, at, wakes) else toEnd(text, at) end
    if id ~= '' then call('HSET', base .. ':ids', id, text) end
    if key ~= '' then call('HSET', base .. ':unique', key, text .. ' ' .. its) end
    event('E', text, rest)
  end
end
flush()
many('HSET', ':tasks', records)
wakeAll()
report()
local first = isSmooth and int(m.next + 1) or '0'
local memo = ARGV[4] .. ' ' .. int(now) .. ' ' .. first .. ' ' .. table.concat(answers, ' ')
if after > 0 then memo = memo .. '\n' .. last .. ' ' .. known end
call('HSET', base .. ':meta', 'format', '1', 'life', life, 'next', int(number), '=' .. sender, memo)
if not m.memo then call('ZADD', base .. ':expiring', int(now + 3600000), 's' .. sender) end
return { '', life, first, unpack(answers) }
