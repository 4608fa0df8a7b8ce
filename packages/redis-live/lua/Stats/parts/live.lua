-- live(): ids of the senders that are
local function live() return call('ZRANGEBYSCORE', base .. ':live', '(' .. int(now), '+inf') end
