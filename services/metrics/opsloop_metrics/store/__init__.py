"""The store of product events: ClickHouse's engine behind one port, in this process or on a server, one SQL for both."""
