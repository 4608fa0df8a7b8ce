#!lua flags=allow-oom
-- All sums, and the gauges of those who are live.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now  ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", {name, sum, ...}, {gauge, value, ...}, ...}
-- COST O(names + gauges)
-- COMMANDS TIME, HMGET, HGETALL, ZRANGEBYSCORE
-- PARTS ground, live
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', call('HGETALL', base .. ':totals') }
for _, sender in ipairs(live()) do
  local gauges = call('HGETALL', base .. ':gauges:' .. sender)
  if #gauges > 0 then reply[#reply + 1] = gauges end
end
return reply
