#!lua flags=allow-oom
-- Names some keys of this server that are like a pattern, of whichever part: it looks at none of them, for those of other parts
-- are not this script's to look at. A script, so that a cursor of another run of the server, which would pass keys over, begins
-- again in the same step.
-- KEYS[1] meta     of a part that this server has
-- ARGV[1] run      the server's run id; empty: the server is asked
-- ARGV[2] known    the run that the cursor is of
-- ARGV[3] cursor   of SCAN
-- ARGV[4] pattern  as of SCAN
-- ARGV[5] count    of keys to look at
-- RETURNS {format} of newer data, else {"", run, cursor, {name, ...}}; the cursor 0 is the end
-- COST O(count)
-- COMMANDS INFO, HGET, SCAN
local run = ARGV[1]
if run == '' then run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
local format = redis.call('HGET', KEYS[1], 'format')
if format and format ~= '1' then return { format } end
local found = redis.call('SCAN', run == ARGV[2] and ARGV[3] or '0', 'MATCH', ARGV[4], 'COUNT', ARGV[5])
return { '', run, found[1], found[2] }
