%% Refuses a message whose user-id names another than the user of its connection with ACCESS_REFUSED (403), as the
%% broker refuses everything else that a service has no right to. On its own it says PRECONDITION_FAILED (406) and can be
%% told nothing else. The check itself, and whom it lets pass, stay the broker's: only the answer is this module's.
-module(yunquan_sender).
-behaviour(rabbit_channel_interceptor).

-include_lib("rabbit_common/include/rabbit_framing.hrl").

-export([description/0, init/1, intercept/3, applies_to/0]).

-rabbit_boot_step({?MODULE, [
    {description, "a forged sender is refused access"},
    {mfa, {rabbit_registry, register, [channel_interceptor, <<"yunquan sender">>, ?MODULE]}},
    {cleanup, {rabbit_registry, unregister, [channel_interceptor, <<"yunquan sender">>]}},
    {requires, rabbit_registry},
    {enables, recovery}
]}).

description() ->
    [{description, <<"Refuses access to a publisher that names another user as its sender">>}].

%% What is kept for each channel: its user.
init(Channel) ->
    rabbit_channel:get_user(Channel).

%% Every method of every channel passes through here, not only those of applies_to/0.
intercept(#'basic.publish'{} = Publish, Content, User) ->
    Decoded = rabbit_binary_parser:ensure_content_decoded(Content),
    case rabbit_access_control:check_user_id(mc:init(mc_amqpl, Decoded, #{}), User) of
        ok -> {Publish, Decoded};
        {refused, Reason, Arguments} -> rabbit_misc:protocol_error(access_refused, Reason, Arguments)
    end;
intercept(Method, Content, _User) ->
    {Method, Content}.

applies_to() ->
    ['basic.publish'].
