-- Who may take a place and who has one, as actions.
-- speaker(id, ref): the seat of this membership, if its peer is not fenced
-- join(peer, name, id, ref, details, over, grace): J<joined at>, T<peer in the way> <its name>, G for the fenced
-- update(id, ref, details): D, or N for no such membership
local fences = {}
local function isFenced(peer)
  if fences[peer] == nil then fences[peer] = call('ZSCORE', base .. ':fenced', peer) and true or false end
  return fences[peer]
end
local function speaker(id, ref)
  local seat = find(id)
  return seat and seat.ref == ref and not isFenced(seat.peer) and seat or nil
end
local function join(peer, name, id, ref, details, over, grace)
  if isFenced(peer) then return 'G' end
  local known = find(id)
  local joined = known and string.match(known.tail, '^%S+ (%d+)') or int(m.at)
  if known and known.ref == ref then return 'J' .. joined end
  if known and not isHeld(known) and known.peer ~= over then return 'T' .. known.peer .. ' ' .. string.match(known.tail, '^%S+') end
  if known and isHeld(known) then unhold(id) elseif known then quit(id, known) end
  local seat = { ref = ref, peer = peer, tail = name .. ' ' .. joined .. ' ' .. details }
  m.grace = grace
  put(id, seat)
  append((known and 'U ' or 'J ') .. id .. ' ' .. seat.tail, 1)
  enter(id, seat, int(m.sequence))
  return 'J' .. joined
end
local function update(id, ref, details)
  local seat = speaker(id, ref)
  if not seat then return 'N' end
  local head = string.match(seat.tail, '^%S+ %d+ ')
  seat.tail = head .. details
  put(id, seat)
  append('U ' .. id .. ' ' .. seat.tail, 1)
  return 'D'
end
