-- The same GET again and again: wrk -s get.lua URL

require "counting"
