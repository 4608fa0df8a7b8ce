-- What is known of a schedule: "<last slot> <since> <number of its last task> <fingerprint>".
-- sane(last): a last slot more than a day from now is of a clock that was wrong, and begins anew
-- note(id, last, since, number, fingerprint): writes it; scheduled(id): reads it, or nothing
-- touch(id): somebody runs it; it is forgotten two weeks after the last who did
local function sane(last) return last > now + 86400000 and now or last end
local function note(id, last, since, number, print)
  call('HSET', base .. ':schedules', id, table.concat({ int(last), int(since), number, print }, ' '))
end
local function touch(id) call('ZADD', base .. ':expiring', int(now + 1209600000), 'c' .. id) end
local function scheduled(id)
  local text = call('HGET', base .. ':schedules', id)
  if not text then return end
  local last, since, number, print = string.match(text, '^(%d+) (%d+) (%d+) (%S+)$')
  last, since = tonumber(last), tonumber(since)
  if sane(last) ~= last then
    last = now
    note(id, last, since, number, print)
  end
  return last, since, number, print
end
