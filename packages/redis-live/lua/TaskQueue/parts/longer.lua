-- keepLonger(id, keep, fresh, records): the task of that id keeps its answer for so long at least; but who has claimed it to
-- keep none would not give one. fresh: of numbers of the same batch where in records theirs stand
local function keepLonger(id, keep, fresh, records)
  local number = string.match(call('HGET', base .. ':ids', id) or '', '^%d+') or string.match(id, '^%d+') or ''
  local record = fresh[number] and records[fresh[number]] or call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return end
  local its = tonumber(field(record, 'k') or 0)
  if its >= keep then return end
  for _, claimer in ipairs(its == 0 and call('ZRANGE', base .. ':leases', 0, -1) or {}) do
    if call('HEXISTS', base .. ':claimed:' .. claimer, number) == 1 then return end
  end
  local head, rest = string.match(record, '^([^\n]*)(.*)$')
  record = string.gsub(head, ' k=%d+', '') .. ' k=' .. int(keep) .. rest
  if fresh[number] then records[fresh[number]] = record else call('HSET', base .. ':tasks', number, record) end
end
