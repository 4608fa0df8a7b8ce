-- What ends a membership, as an action: its answer is D for done, N for no such member.
-- depart(id, ref, grace), expel(id)
local function depart(id, ref, grace)
  local seat = find(id)
  if seat and seat.ref == ref then leave(id, seat, 'L', grace) end
  return 'D'
end
local function expel(id)
  local seat = find(id)
  if not seat then return 'N' end
  go(id, seat, 'R')
  return 'D'
end
