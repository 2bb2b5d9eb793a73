{application, yunquan_sender, [
    {description, "A forged sender is refused access"},
    {vsn, "1.0.0"},
    {modules, [yunquan_sender]},
    {registered, []},
    {applications, [kernel, stdlib, rabbit_common, rabbit]},
    {broker_version_requirements, ["4.0.0"]}
]}.
