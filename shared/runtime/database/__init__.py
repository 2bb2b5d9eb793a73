"""PostgreSQL: connections and statements, the runtime's tables, row security and pages of lists."""
