#!lua
-- Adds up what somebody has counted since its last batch; a batch that came before changes nothing.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] sender
-- ARGV[3] number   of the batch
-- ARGV[4] keep     as in join
-- ARGV[5] sent     ms since it was first sent; empty: this is the first time
-- ARGV[6] reset    the last one known then
-- ARGV[7] most     names
-- ARGV[8] minutes  kept
-- ARGV[9] hours    kept
-- ARGV[10] sums    how many of what follows
-- ARGV[11...] items  name, by, age in ms of each sum; name, value, sent, reset of each gauge
-- RETURNS {format} of newer data, {"", "U", life} where the sender is not known, else {"", "K", now, last reset, 1 where its
-- gauges may be gone, sums not taken}
-- COST O(items)
-- COMMANDS TIME, HMGET, HSET, HGET, HDEL, HLEN, HEXISTS, HINCRBY, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender, sums
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender, number, refused = ARGV[2], tonumber(ARGV[3]), 0
local last, name = known(sender)
if not last then return { '', 'U', m.life } end
local isBehind = stay(sender, tonumber(ARGV[4])) or number > last + 1
if number > last then
  local sent, names = tonumber(ARGV[5]), call('HLEN', base .. ':totals')
  local first = 11 + 3 * ARGV[10]
  for i = 11, first - 1, 3 do
    local isNew = call('HEXISTS', base .. ':totals', ARGV[i]) == 0
    local isGone = isCleared(ARGV[i], sent, tonumber(ARGV[6]))
    if not isGone and isNew and names >= tonumber(ARGV[7]) then refused = refused + 1
    elseif not isGone then
      if isNew then names = names + 1 end
      add(':totals', ARGV[i], ARGV[i + 1])
      add(':sums:' .. sender, ARGV[i], ARGV[i + 1])
      local at = now - math.max(0, tonumber(ARGV[i + 2]))
      put(':1m:', 60000, tonumber(ARGV[8]), at, ARGV[i], ARGV[i + 1])
      put(':1h:', 3600000, tonumber(ARGV[9]), at, ARGV[i], ARGV[i + 1])
    end
  end
  for i = first, #ARGV, 4 do
    if not isCleared(ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])) then
      call('HSET', base .. ':gauges:' .. sender, ARGV[i], ARGV[i + 1])
    end
  end
  call('HSET', base .. ':senders', sender, ARGV[3] .. ' ' .. name)
end
collect()
return { '', 'K', int(now), int(m.reset), isBehind and 1 or 0, refused }
