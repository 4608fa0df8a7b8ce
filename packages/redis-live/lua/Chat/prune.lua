#!lua flags=allow-oom
-- Takes those of some rooms out of the list of all that have stood there for long.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] age       ms
-- ARGV[3...] rooms
-- RETURNS {format} of newer data, else {""}
-- COST O(rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZREM
-- PARTS index, takeOut
if not open(KEYS[1], KEYS[2]) then return { m.format } end
for i = 3, #ARGV do
  local stamp = call('HGET', base .. ':stamps', ARGV[i])
  if stamp and now - stamp > tonumber(ARGV[2]) then takeOut(ARGV[i], stamp) end
end
return { '' }
