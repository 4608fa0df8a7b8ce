#!lua flags=allow-oom
-- Tells of some tasks of a state.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] state     R ready, S sleeping, C claimed, X dead
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", life, the next cursor or "", row of inspect, ...}
-- COST O(page * claimers) where ready, O(claims of a claimer) where claimed, else O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HGETALL, HSCAN, ZSCORE, ZCOUNT, ZMSCORE, ZRANGE
-- PARTS ground, record, look, pages
local state, cursor = ARGV[2], ARGV[3]
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', m.life or '', '' }
local function add(number, at)
  local record = call('HGET', base .. ':tasks', number)
  if record then reply[#reply + 1] = row(number, record, state, at) end
end
if state == 'R' then
  local numbers, _, done = ready(cursor)
  reply[3] = done
  for _, number in ipairs(numbers) do add(number) end
elseif state == 'C' then
  local last, passed = string.match(cursor, '^(%S+) (%d+)$')
  local claimers = call('ZRANGE', base .. ':leases', 0, -1)
  table.sort(claimers)
  for _, claimer in ipairs(claimers) do
    local held, numbers = {}, {}
    if not last or claimer >= last then held = call('HGETALL', base .. ':claimed:' .. claimer) end
    for i = 1, #held, 2 do
      if claimer ~= last or tonumber(held[i]) > tonumber(passed) then numbers[#numbers + 1] = tonumber(held[i]) end
    end
    table.sort(numbers)
    for _, number in ipairs(numbers) do
      if #reply >= 131 then return reply end
      add(int(number), claimer)
      if #reply == 131 then reply[3] = claimer .. ' ' .. int(number) end
    end
  end
  reply[3] = ''
else
  local members, scores, done = after(base .. (state == 'S' and ':delayed' or ':dead'), cursor)
  reply[3] = done
  for i, member in ipairs(members) do add(bare(member), scores[i]) end
end
return reply
