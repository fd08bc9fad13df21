"""Life inside another program's process: failures, forks, exits, queues, deadlines."""
