(part text: (curly_group (_) @name)) @definition.section
(chapter text: (curly_group (_) @name)) @definition.section
(section text: (curly_group (_) @name)) @definition.section
(subsection text: (curly_group (_) @name)) @definition.section
(subsubsection text: (curly_group (_) @name)) @definition.section
(paragraph text: (curly_group (_) @name)) @definition.section
(new_command_definition declaration: (_) @name) @definition.macro
