-- Says which run of Redis this is, by the very means the other scripts use: tried at the start, so that a user who
-- may not do it is found out then.
return cmsgpack.pack({run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')})
