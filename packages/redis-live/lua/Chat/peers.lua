#!lua flags=allow-oom
-- Names some peers that have places, any of them.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] count
-- RETURNS {format} of newer data, else {"", peer, ...}
-- COST O(count)
-- COMMANDS TIME, HMGET, SRANDMEMBER
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = call('SRANDMEMBER', base .. ':peers', ARGV[2])
table.insert(reply, 1, '')
return reply
