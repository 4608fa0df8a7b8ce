#!lua flags=allow-oom
-- Notes that a peer has no places in some rooms any more.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] peer  its id, encoded
-- ARGV[3...] rooms
-- RETURNS {format} of newer data, else {""}
-- COST O(rooms)
-- COMMANDS TIME, HMGET, EXISTS, SREM
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local mine = base .. ':of:' .. ARGV[2]
for i = 3, #ARGV do call('SREM', mine, ARGV[i]) end
if call('EXISTS', mine) == 0 then call('SREM', base .. ':peers', ARGV[2]) end
return { '' }
