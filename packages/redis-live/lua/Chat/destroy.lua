#!lua flags=allow-oom
-- Ends a room and all memberships in it. What is left for ten minutes is its log, and for an hour who is fenced.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- RETURNS {format} of newer data, {""} where there is none, else {"", what it was created with}
-- COST O(peers, and those whose time to leave has come): what its members had is freed behind the server's back
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, SMEMBERS, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, UNLINK, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
append('D', 1)
finish()
for _, peer in ipairs(call('SMEMBERS', base .. ':peers')) do call('UNLINK', base .. ':of:' .. peer) end
call('UNLINK', base .. ':peers', base .. ':members', base .. ':leaving', base .. ':words', base .. ':keys')
call('HSET', KEYS[2], 'since', int(m.sequence), 'sinceAt', int(m.at))
call('HDEL', KEYS[2], 'exists')
if isPhysical then
  call('PEXPIRE', KEYS[2], 600000)
  call('PEXPIRE', base .. ':log', 600000)
  call('PEXPIRE', base .. ':fenced', 3600000)
end
return { '', m.exists }
