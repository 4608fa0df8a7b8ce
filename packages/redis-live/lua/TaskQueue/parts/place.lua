-- Places of a key, of which a task takes one while it is claimed (`:running:<key>`, number -> claimer) or waits.
-- enter(number, record, key): false: none is free, and now it waits
local entered, healed = {}, {}
local function isThere(number, claimer) return call('HEXISTS', base .. ':claimed:' .. claimer, number) == 1 end
-- Whoever holds a place and is in nobody's hands has been forgotten by the data.
local function heal(key)
  local held = call('HGETALL', base .. ':running:' .. key)
  for i = 1, #held, 2 do
    local number = held[i]
    local lives = entered[number] or isThere(number, held[i + 1])
    for _, claimer in ipairs(lives and {} or call('ZRANGE', base .. ':leases', 0, -1)) do
      lives = lives or isThere(number, claimer)
    end
    if not lives then call('HDEL', base .. ':running:' .. key, number) end
  end
  healed[key] = true
end
local function enter(number, record, key)
  local running, limit = base .. ':running:' .. key, tonumber(field(record, 'n'))
  local isFull = call('HLEN', running) >= limit
  if isFull and not healed[key] then
    heal(key)
    isFull = call('HLEN', running) >= limit
  end
  if isFull then
    call('ZADD', base .. ':waiting:' .. key, number, number)
    return false
  end
  entered[number] = true
  call('HSET', running, number, ARGV[2])
  return true
end
