-- collect(most): what is kept after an end, and what is remembered of a sender or a schedule, as far as its time is over.
-- An entry that lives again has no time; one that was kept longer stands there again under its later time.
local function collect(most)
  local over = call('ZRANGEBYSCORE', base .. ':expiring', '-inf', int(now), 'LIMIT', 0, most)
  if #over == 0 then return end
  many('ZREM', ':expiring', over)
  local results = {}
  for _, member in ipairs(over) do
    local kind, name = string.sub(member, 1, 1), string.sub(member, 2)
    if kind == 'r' then results[#results + 1] = name
    elseif kind == 'c' then call('HDEL', base .. ':schedules', name)
    elseif kind == 't' then call('DEL', base .. ':starts')
    elseif kind == 's' then
      local at = string.match(call('HGET', base .. ':meta', '=' .. name) or '', '^%d+ (%d+)')
      if at and at + 3600000 > now then call('ZADD', base .. ':expiring', int(at + 3600000), member)
      -- Whoever still holds something may still ask what its last step was answered.
      elseif call('EXISTS', base .. ':claimed:' .. name) == 1 then call('ZADD', base .. ':expiring', int(now + 3600000), member)
      else call('HDEL', base .. ':meta', '=' .. name) end
    else
      local key, pattern = base .. ':ids', '^%d+ (%d+)$'
      if kind == 'u' then key, pattern = base .. ':unique', '^%d+ %S+ (%d+)$' end
      local till = string.match(call('HGET', key, name) or '', pattern)
      if till and tonumber(till) <= now then call('HDEL', key, name) end
    end
  end
  many('HDEL', ':results', results)
end
