#!lua flags=allow-oom
-- What the server calls now: asked of it, or given by a world.
-- KEYS[1] any  routes the call, is not read
-- ARGV[1] now  reserved
-- ARGV[2] run  reserved
-- ARGV[3] echo  comes back as it is
-- ARGV[4...] more  counted
-- RETURNS the time in ms, the run id, the name of the key, what was to be echoed, how many more.
-- COST O(1)
-- COMMANDS TIME, INFO
local now, run = ARGV[1], ARGV[2]
if now == '' then
  local time = redis.call('TIME')
  now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
if run == '' then
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
return { now, run, KEYS[1], ARGV[3], #ARGV - 3 }
