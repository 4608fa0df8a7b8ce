#!lua
-- Does to a room what is asked for, in this order, with nothing of others in between.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  name of the asking peer, encoded
-- ARGV[5] peer       its id, encoded
-- ARGV[6] grace      ms that a Left is held back
-- ARGV[7] size       words that the history keeps; empty: there is none
-- ARGV[8] ttl        ms that it keeps them
-- ARGV[9...] actions J, id, ref, details, peer that may be taken over; U, id, ref, details, nothing; L, id, ref, nothing, nothing;
-- R, id, nothing, nothing, nothing; S, from, ref, payload, dedupe key; ... All but details and payload are encoded or empty
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- outcome, ...}: J<joined at>, T<peer> <its name>, G, N, D, sequence of a word in this epoch, E<epoch> <sequence> of one that was said before
-- COST O(actions)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYRANK, XADD, XRANGE, XREVRANGE, XTRIM, PTTL, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, ending, shorten, history, words, places
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local peer, name, grace, size, ttl = ARGV[5], ARGV[4], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local reply = { '', m.epoch, run, '' }
for i = 9, #ARGV, 5 do
  local kind, id, ref = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local outcome
  if kind == 'S' then outcome = (ref == '' or speaker(id, ref)) and say(id, ARGV[i + 3], ARGV[i + 4], size, ttl) or 'N'
  elseif kind == 'J' then outcome = join(peer, name, id, ref, ARGV[i + 3], ARGV[i + 4], grace)
  elseif kind == 'U' then outcome = update(id, ref, ARGV[i + 3])
  elseif kind == 'L' then outcome = depart(id, ref, grace)
  else outcome = expel(id) end
  reply[#reply + 1] = outcome
end
keep(size, ttl)
forgetKeys(size)
reply[4] = due()
finish()
return reply
