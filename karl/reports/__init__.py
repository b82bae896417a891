"""Reports on runs: tables, figures and a page. A single run is a study of one."""
