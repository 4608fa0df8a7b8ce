#!lua flags=allow-oom
-- Some of those who have a place in a room, and how many there are, and where its log stands.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] cursor  "<run> <cursor of HSCAN>" of the page before; empty: there is none
-- RETURNS {format} of newer data, {""} where there is no room, else {"", members, epoch, sequence, cursor, id, "<ref> <peer> <its
-- name> <joined at> <details>", ...}; an empty cursor: that was the last page
-- COST O(those of the page, and those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HGETALL, HSCAN, HDEL, HLEN, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
finish()
local members = call('HLEN', base .. ':members')
local cursor, found = '', nil
if members <= 512 then found = call('HGETALL', base .. ':members')
else
  -- Another run puts them in another order: what its cursor has passed is not what this one's has.
  local known, at = string.match(ARGV[4], '^(%S+) (%d+)$')
  -- Servers give some more than they are asked for: whole buckets, and they are seldom long.
  local page = call('HSCAN', base .. ':members', known == run and at or '0', 'COUNT', 450)
  cursor, found = page[1] == '0' and '' or run .. ' ' .. page[1], page[2]
end
local reply = { '', members, m.epoch, int(m.sequence), cursor }
for i = 1, #found do reply[5 + i] = found[i] end
return reply
