#!lua flags=allow-oom
-- Names some rooms of the list of all, in their order.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] after  the last one of the page before; empty: from the beginning
-- ARGV[3] count  of the page
-- RETURNS {format} of newer data, else {"", 1 where there are more else 0, room, ...}
-- COST O(log rooms + count)
-- COMMANDS TIME, HMGET, ZRANGEBYLEX
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local count = tonumber(ARGV[3])
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local found = call('ZRANGEBYLEX', base .. ':all', from, '+', 'LIMIT', 0, count + 1)
local reply = { '', #found > count and 1 or 0 }
for i = 1, math.min(#found, count) do reply[2 + i] = found[i] end
return reply
