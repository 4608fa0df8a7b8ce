-- abandoned(lane): what waits for a peer that has not worked for an hour, while others did, goes to the end of that lane,
-- at most 128. A name for which nothing waits is forgotten.
local function move(number, from, to)
  local record = call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return record and call('RPUSH', base .. ':ready:' .. from, number) end
  local first, last = string.find(record, ' l=[^ \n]*')
  local rest = string.sub(record, last + 1)
  call('HSET', base .. ':tasks', number, string.sub(record, 1, first - 1) .. (to == 'l' and '' or ' l=' .. to) .. rest)
  toEnd(number, to)
end
local function abandoned(lane)
  local names = call('ZRANGE', base .. ':names', 0, 127, 'WITHSCORES')
  local left = 128
  for i = 1, #names, 2 do
    local from = 'p' .. names[i]
    local ready, front, suspect = base .. ':ready:' .. from, base .. ':front:' .. from, base .. ':suspect:' .. from
    if math.max(tonumber(names[i + 1]), m.judgeFrom) + 3600000 <= now then
      for _, key in ipairs({ suspect, front }) do
        local some = left > 0 and call('ZPOPMIN', key, left) or {}
        for j = 1, #some, 2 do move(some[j], from, lane) end
        left = left - #some / 2
      end
      local some = left > 0 and call('LPOP', ready, left) or {}
      for _, number in ipairs(some) do move(number, from, lane) end
      left = left - #some
    end
    if call('EXISTS', ready, front, suspect) == 0 then call('ZREM', base .. ':names', names[i]) end
  end
end
