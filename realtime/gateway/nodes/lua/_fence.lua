-- Tells which run of a server this is: a restart, a failover and a copy are other runs. What was stored under one run may
-- be missing under the next, so nothing is written until a node has adopted it (adopt.lua).
local function run_of_server()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function text(number)
  return string.format('%.0f', number)
end
