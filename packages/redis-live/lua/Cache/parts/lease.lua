-- Leases of loads. `:l:<key>` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
