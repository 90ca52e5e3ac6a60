"""What every kind of background job needs to survive a crash: leases, queue, heartbeats."""
