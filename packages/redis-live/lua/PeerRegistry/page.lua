#!lua flags=allow-oom
-- Who is there, page by page: whoever is throughout is on one page at least.
-- KEYS[1] meta     as in beat
-- KEYS[2] records  as in beat
-- ARGV[1] epoch    of the book that is read
-- ARGV[2] cursor   empty: from the beginning on
-- RETURNS {format} of newer data, {""} where the book is another one, else {"", cursor or "", {id, record, ...}}
-- COST O(peers of the page)
-- COMMANDS HMGET, HSCAN
local m = redis.call('HMGET', KEYS[1], 'format', 'epoch')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[2] ~= ARGV[1] then return { '' } end
local page = redis.call('HSCAN', KEYS[2], ARGV[2] == '' and '0' or ARGV[2], 'COUNT', 64)
return { '', page[1] == '0' and '' or page[1], page[2] }
