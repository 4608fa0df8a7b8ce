#!lua
-- Puts a letter into a box, behind all others, and lets go of what is too much.
-- KEYS[1] letters  stream: <number>-0 -> at, d payload
-- KEYS[2] meta     hash: format, epoch, run, last, acknowledged, at, until, past
-- KEYS[3] channel  shard channel of the box
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] ttl       ms a letter is there
-- ARGV[5] capacity  letters of a box
-- ARGV[6] payload
-- RETURNS {format} of newer data, else {""}
-- COST O(1), and O(letters that are too much)
-- COMMANDS TIME, INFO, DEL, PTTL, PEXPIRE, HMGET, HSET, XADD, SPUBLISH
-- PARTS ground
if not open(KEYS[1], KEYS[2], ARGV[3]) then return { m.format } end
local ttl = tonumber(ARGV[4])
m.last, m.at = m.last + 1, math.max(now, m.at)
call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[5], id(m.last), 'at', int(m.at), 'd', ARGV[6])
save(KEYS[2], ttl)
if isPhysical then keep(KEYS[1], ttl + 1000) end
call('SPUBLISH', KEYS[3], '1')
return { '' }
