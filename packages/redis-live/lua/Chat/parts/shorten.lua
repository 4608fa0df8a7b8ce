-- shorten(key, least): takes out entries of words of which none is to stay: before whose end no more than so many were kept.
-- What one step has no time for, the next ones do: more than one can add
local function shorten(key, least)
  local count = 3
  for _ = 1, 16 do
    local oldest, from = call('XRANGE', key, '-', '+', 'COUNT', count), 1
    while oldest[from + 1] and tonumber(oldest[from + 1][2][10]) <= least do from = from + 1 end
    if from > 1 then call('XTRIM', key, 'MINID', oldest[from][1]) end
    if from < count then return end
    count = math.min(2 * count, 96)
  end
end
