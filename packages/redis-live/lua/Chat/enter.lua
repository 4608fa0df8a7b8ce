#!lua
-- Notes that a peer has, or will have, places in some rooms.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  a name for the index, should it have lost something
-- ARGV[4] peer   its id, encoded
-- ARGV[5] grave  ms that a peer is known to be gone
-- ARGV[6...] rooms
-- RETURNS {format} of newer data, else {"", 1 where the peer is gone else 0, name of the index in this life}
-- COST O(rooms)
-- COMMANDS INFO, TIME, HMGET, HSET, ZSCORE, SADD
-- PARTS index
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local run, peer, life = ARGV[2], ARGV[4], m.life
if run == '' then run = string.match(call('INFO', 'server'), 'run_id:(%w+)') end
-- Another server, or this one after it was away, has perhaps not heard of everything.
if not life or m.run ~= run then
  life = ARGV[3]
  call('HSET', KEYS[2], 'format', '1', 'life', life, 'run', run)
end
local since = call('ZSCORE', base .. ':gone', peer)
if since and now - since <= tonumber(ARGV[5]) then return { '', 1, life } end
for i = 6, #ARGV do call('SADD', base .. ':of:' .. peer, ARGV[i]) end
if #ARGV >= 6 then call('SADD', base .. ':peers', peer) end
return { '', 0, life }
