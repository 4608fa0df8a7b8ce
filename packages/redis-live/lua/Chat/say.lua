#!lua
-- Says words in this order, with nothing of others in between: what act does with them, where all are of places of the asking peer
-- or of nobody's, and none has a key. Where one is of another place, or the peer is fenced, nothing is said: that is act's to tell.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  name of the asking peer, encoded
-- ARGV[5] peer       its id, encoded
-- ARGV[6] size       words that the history keeps; empty: there is none
-- ARGV[7] ttl        ms that it keeps them
-- ARGV[8] count      how many words
-- ARGV[9] words      as they are logged, a line each
-- ARGV[10...] speakers "<id> <ref>", ...: places that must be there
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- sequence of the first word; nil: nothing was said}
-- COST O(speakers + bytes)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZSCORE, ZMSCORE, ZRANGE, ZRANGEBYSCORE, XADD, XRANGE, XTRIM, PTTL, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, shorten, history
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local size, ttl, count, said = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), nil
local isTheirs = #ARGV == 9 or not call('ZSCORE', base .. ':fenced', ARGV[5])
if isTheirs and #ARGV > 9 then
  for _, place in ipairs(call('ZMSCORE', base .. ':of:' .. ARGV[5], unpack(ARGV, 10))) do isTheirs = isTheirs and place end
end
if isTheirs then
  speak(ARGV[9], count, size)
  keep(size, ttl)
  said = m.sequence - count + 1
end
local reply = { '', m.epoch, run, due(), said }
finish()
return reply
