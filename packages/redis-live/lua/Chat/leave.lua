#!lua flags=allow-oom
-- Ends memberships, and nothing else: what act does where all actions are of that kind, on a full server too.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- ARGV[5] grace      ms that a Left is held back
-- ARGV[6...] actions L, id, ref or R, id, nothing; ...
-- RETURNS as act
-- COST O(actions)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, ending
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local reply, grace = { '', m.epoch, run, '' }, tonumber(ARGV[5])
for i = 6, #ARGV, 3 do
  reply[#reply + 1] = ARGV[i] == 'L' and depart(ARGV[i + 1], ARGV[i + 2], grace) or ARGV[i] == 'R' and expel(ARGV[i + 1])
end
reply[4] = due()
finish()
return reply
