-- Sums by name, exact as far as a double is.
-- add(key, name, by)
-- put(kind, span, kept, at, name, by): into the bucket of that time, of so many ms, so many of which are kept
-- isCleared(name, sent, reset): it was reset since it was first sent, so many ms ago, by somebody who knew of this reset
local most, indexed = 9007199254740991, {}
local function add(key, name, by)
  local sum = call('HINCRBY', base .. key, name, by)
  if sum > most or sum < -most then call('HSET', base .. key, name, int(sum > 0 and most or -most)) end
end
local function put(kind, span, kept, at, name, by)
  local bucket = math.floor(at / span)
  if bucket + kept <= math.floor(now / span) then return end
  local key = kind .. int(bucket)
  add(key, name, by)
  if indexed[key] then return end
  indexed[key] = true
  call('ZADD', base .. ':buckets', int((bucket + kept) * span), key)
end
local function isCleared(name, sent, reset)
  local at = sent and call('ZSCORE', base .. ':resets', name)
  return at and tonumber(at) > reset and math.floor(tonumber(at) / 1000) >= now - sent
end
