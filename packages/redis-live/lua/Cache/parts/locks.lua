-- Locks. `:held` is a hash of name -> until when it is held (16 digits), 1 where somebody waits for it, else 0, fence (16 digits),
-- owner; `:until` has the names by until when. Nothing of them has a time to live of Redis' own: no eviction takes what is held.
-- find(name): what is kept of it, its time over or not, with `ends`, `awaited`, `fence`, `owner`; nil: nothing is
-- keep(name, ends, awaited, fence, owner): it is held until then
-- free(name): it is not
-- first(): the first fence that was given since there is data, or nil
-- seen(fence): none that is given later is as low
local function find(name)
  local text = call('HGET', base .. ':held', name)
  if not text then return nil end
  return { ends = tonumber(sub(text, 1, 16)), awaited = sub(text, 17, 17), fence = sub(text, 18, 33), owner = sub(text, 34) }
end
local function keep(name, ends, awaited, fence, owner)
  call('HSET', base .. ':held', name, pad(ends) .. awaited .. fence .. owner)
  call('ZADD', base .. ':until', int(ends), name)
end
local function free(name)
  call('HDEL', base .. ':held', name)
  call('ZREM', base .. ':until', name)
end
local function first() return tonumber(call('HGET', KEYS[2], 'first') or nil) end
local function seen(fence)
  m.last = math.max(m.last, fence)
  call('HSET', KEYS[2], 'format', '1', 'last', pad(m.last))
end
