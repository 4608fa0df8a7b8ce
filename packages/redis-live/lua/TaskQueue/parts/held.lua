-- What an entry may meet.
-- held(): how many tasks are claimed
-- knownId(id, fresh), knownKey(key, fresh): the id of the task that has it, or none; fresh: numbers of the same batch
local function held()
  local count = 0
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    count = count + call('HLEN', base .. ':claimed:' .. claimer)
  end
  return count
end
local function isThere(number, fresh) return fresh[number] or call('HEXISTS', base .. ':tasks', number) == 1 end
local function knownId(id, fresh)
  local number, till = string.match(call('HGET', base .. ':ids', id) or '', '^(%d+) ?(%d*)$')
  if number and (till == '' or tonumber(till) > now) then return id end
  number = string.match(id, '^(%d+)%.' .. m.life .. '$')
  return number and isThere(number, fresh) and id
end
local function knownKey(key, fresh)
  local number, id, till = string.match(call('HGET', base .. ':unique', key) or '', '^(%d+) (%S+) ?(%d*)$')
  if not number then return end
  if till == '' then return isThere(number, fresh) and id end
  return tonumber(till) > now and id
end
