"""What follows from the declarations: the database's DDL, the data dictionary, the data package."""
