-- resolve(id): number and record of the task with that id; of one that has ended the number at most
-- stateOf(number, record): R ready; S sleeping, and until when; C claimed, and by whom; X dead, and since when
-- row(number, record, state, at): what is told of a task
local function resolve(id)
  local known = call('HGET', base .. ':ids', id)
  local number = known and string.match(known, '^%d+') or m.life and string.match(id, '^(%d+)%.' .. m.life .. '$')
  if number then return number, call('HGET', base .. ':tasks', number) end
end
local function stateOf(number, record)
  local died = call('ZSCORE', base .. ':dead', pad(number))
  if died then return 'X', died end
  local due = call('ZSCORE', base .. ':delayed', pad(number) .. ' ' .. laneOf(record))
  if due then return 'S', due end
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    local held = call('HGET', base .. ':claimed:' .. claimer, number)
    if held then return 'C', claimer, held end
  end
  return 'R'
end
local function row(number, record, state, at)
  return {
    number, record, state, at or '', call('HGET', base .. ':attempts', number), call('HGET', base .. ':errors', number),
    call('HGET', base .. ':progress', number)
  }
end
