#!lua flags=allow-oom
-- Names some keys of a region that this server has, of whichever part: it looks at none of them, for those of other parts are not
-- this script's to look at. It is a script so that the cursor of another run of the server, which might pass keys over, begins
-- again in the same step; and while the part moves to another server, it is refused as all others are.
-- KEYS[1] part    as in read, one that this server has
-- KEYS[2] meta    as in read
-- ARGV[1] run     the server's run id; empty: the server is asked
-- ARGV[2] known   the run that the cursor is of
-- ARGV[3] cursor  of SCAN
-- ARGV[4] kind    v: for values alone; empty: all
-- ARGV[5] count   of keys to look at
-- RETURNS {format} of newer data, else {"", run, cursor, {name, ...}}; the cursor 0 is the end
-- COST O(count)
-- COMMANDS INFO, HGET, SCAN
local run = ARGV[1]
if run == '' then run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
-- Nothing in an encoded name means more to a pattern than itself.
local pattern = string.match(KEYS[1], '^(.*:)%d+}$') .. '*}:' .. ARGV[4] .. '*'
local found = redis.call('SCAN', run == ARGV[2] and ARGV[3] or '0', 'MATCH', pattern, 'COUNT', ARGV[5])
return { '', run, found[1], found[2] }
