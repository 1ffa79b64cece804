-- Repeat the same GET: wrk -s get.lua URL

require "counting"
