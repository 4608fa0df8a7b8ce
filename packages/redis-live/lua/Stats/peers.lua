#!lua flags=allow-oom
-- All sums, and what each of those who are live has counted and says.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now  ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", {name, sum, ...}, peer, {name, sum, ...}, {gauge, value, ...}, ...}
-- COST O(names of all peers)
-- COMMANDS TIME, HMGET, HGET, HGETALL, ZRANGEBYSCORE
-- PARTS ground, live
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', call('HGETALL', base .. ':totals') }
for _, sender in ipairs(live()) do
  local record, n = call('HGET', base .. ':senders', sender), #reply
  reply[n + 1] = string.match(record or '', '^%d+ (.*)$') or ''
  reply[n + 2] = call('HGETALL', base .. ':sums:' .. sender)
  reply[n + 3] = call('HGETALL', base .. ':gauges:' .. sender)
end
return reply
