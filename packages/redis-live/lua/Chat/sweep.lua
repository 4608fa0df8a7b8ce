#!lua flags=allow-oom
-- Lets those of a room go whose time has come; ends some of a dead peer's memberships, and has it begin no more.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- ARGV[5] dead       id of the peer, encoded; empty: there is none
-- ARGV[6] grave      ms that it is fenced
-- ARGV[7] page       memberships that one step ends
-- RETURNS {format} of newer data, else {"", memberships of the dead one that are left, ms until the next Left that is held back or "",
-- epoch, run}; the last two where there is a room
-- COST O(memberships that end)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZCARD, ZREM, ZREMRANGEBYSCORE, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local fenced, dead, left = base .. ':fenced', ARGV[5], 0
if m.exists then
  begin(ARGV[4])
  letGo()
end
call('ZREMRANGEBYSCORE', fenced, '-inf', int(now - ARGV[6]))
if dead ~= '' then
  -- Where there is no room, too: there may be one again before whoever is taken for dead asks for its place there.
  call('ZADD', fenced, int(now), dead)
  if isPhysical and not m.exists then call('PEXPIRE', fenced, int(ARGV[6] + 0)) end
end
if not m.exists then return { '', 0, '' } end
if dead ~= '' then
  local mine = base .. ':of:' .. dead
  for _, place in ipairs(call('ZRANGE', mine, 0, ARGV[7] - 1)) do
    local id, ref = string.match(place, '^(%S+) (%S+)$')
    local seat = find(id)
    if seat and seat.ref == ref then leave(id, seat, 'C', m.grace) else quit(id, { peer = dead, ref = ref }) end
  end
  left = call('ZCARD', mine)
end
local next = due()
finish()
return { '', left, next, m.epoch, run }
